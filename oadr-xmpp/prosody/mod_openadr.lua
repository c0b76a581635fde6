-- OpenADR 2.0b on a host of Prosody's: says where the VTN's services are, and keeps VENs apart (rule 515).
-- Knows nothing of what is in an OpenADR document, nor of how an account was proven.
--
--   openadr_vtn    the VTN's JID, or a table from the services' names to their JIDs

local add_filter = require "util.filters".add_filter
local jid = require "util.jid"
local st = require "util.stanza"

local LIMITS = "urn:xmpp:stream-limits:0"
local FEATURE = "http://openadr.org/openadr2"
-- Peers spell it both ways, so it is compared in lower case, and answered in the spelling that was asked.
local NODE = "http://openadr.org/openadr2#services"
-- A spelling that some VENs compare exactly; those that ignore case understand it too.
local ITEM = "http://openadr.org/OpenADR2/"
local SERVICES = { "EiRegisterParty", "EiEvent", "EiReport", "EiOpt" }

local services = {} -- from a service's name to its JID
local vtn = {} -- the VTN's accounts

do
	local configured = module:get_option("openadr_vtn")
	for _, service in ipairs(SERVICES) do
		local address = type(configured) == "table" and configured[service] or configured
		local prepared = type(address) == "string" and jid.prep(address)
		if not prepared then
			-- Better not loaded than loaded without a VTN: nobody could talk to anybody.
			error("openadr_vtn names no JID for "..service)
		end
		services[service] = prepared
		vtn[jid.bare(prepared)] = true
	end
end

module:add_feature(FEATURE)

module:hook("host-disco-items-node", function (event)
	if event.node:lower() ~= NODE then return end
	for _, service in ipairs(SERVICES) do
		event.reply:tag("item", { jid = services[service], node = ITEM..service }):up()
	end
	event.exists = true
end)

-- Who knows the longest stanza (XEP-0478) does not lose its session over a longer one. Prosody says it by
-- itself from 0.13 on.
local longest = module:context("*"):get_option_number("c2s_stanza_size_limit", 256 * 1024, 10000)

module:hook("stream-features", function (event)
	if event.origin.username and not event.features:get_child("limits", LIMITS) then
		event.features:tag("limits", { xmlns = LIMITS }):text_tag("max-bytes", tostring(longest)):up()
	end
end, -1)

-- Whether a stanza may go from one JID to the other: with the VTN, with this server, with oneself.
local function allowed(from, to)
	local sender, receiver = jid.bare(from), jid.bare(to)
	return vtn[sender] or vtn[receiver]
		or sender == module.host or receiver == module.host
		or sender == receiver
end

local function refuse(origin, stanza)
	module:log("info", "Refused %s from %s to %s", stanza.name, stanza.attr.from, stanza.attr.to)
	-- An error or a result is never answered: two peers would go on for ever.
	local kind = stanza.attr.type
	if kind ~= "error" and kind ~= "result" and origin.send then
		origin.send(st.error_reply(stanza, "auth", "forbidden", "Only the VTN may be addressed"))
	end
	return true
end

local function keep_apart(event)
	local from, to = event.stanza.attr.from, event.stanza.attr.to
	if from and to and not allowed(from, to) then
		return refuse(event.origin, event.stanza)
	end
end

-- What an account of this host sends, wherever to. Its sender is the server's own word here.
module:hook("pre-stanza", keep_apart, 1000)

-- What comes to an account of this host from other hosts of the same server.
for _, name in ipairs { "iq", "message", "presence" } do
	for _, kind in ipairs { "bare", "full" } do
		module:hook(name.."/"..kind, keep_apart, 1000)
	end
end

-- Whatever happens to be loaded for other hosts: nothing leaves this one.
module:hook("route/remote", function (event)
	return refuse(event.origin, event.stanza)
end, 1000)

-- The server stamps every stanza with its sender's JID, so a forged "from" would get nowhere; but who tries
-- that is thrown out (RFC 6120, 8.1.2.1). Another resource of the same account is an oversight, not a forgery.
module:hook("resource-bind", function (event)
	add_filter(event.session, "stanzas/in", function (stanza, session)
		local from = stanza.attr and stanza.attr.from
		if from and jid.bare(jid.prep(from)) ~= jid.bare(session.full_jid) then
			module:log("warn", "%s sent a stanza as if from %s", session.full_jid, from)
			session:close("invalid-from")
			return nil
		end
		return stanza
	end)
end)
