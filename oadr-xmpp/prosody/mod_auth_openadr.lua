-- Logs accounts in with SASL EXTERNAL: the account is the common name of the client's certificate (rule 515).
-- Knows nothing of OpenADR's messages. Whose certificates count is said by "ssl" in the configuration.
--
--   openadr_passwords    true: who shows no certificate may log in with a password (SCRAM)
--   openadr_review       how often the certificates of those who are here are looked at again, in seconds (60)

local jid = require "util.jid"
local nodeprep = require "util.encodings".stringprep.nodeprep

local COMMON_NAME = "2.5.4.3"

local passwords = module:get_option_boolean("openadr_passwords", false)
local review = module:get_option_number("openadr_review", 60, 1)

-- The certificate of the peer, if the handshake proved it, and otherwise why not.
local function proven_certificate(session)
	local socket = session.conn and session.conn.socket and session.conn:socket()
	if not (session.secure and socket and socket.getpeercertificate) then
		return nil, "no TLS"
	end
	local certificate = socket:getpeercertificate()
	if not certificate then
		return nil, "no certificate"
	end
	-- Normally the handshake has failed already; a configuration may have told it to go on.
	if not socket:getpeerverification() then
		return nil, "a certificate that is not valid"
	end
	if not certificate:validat(os.time()) then
		return nil, "a certificate out of its time"
	end
	return certificate
end

-- The account that a certificate names.
local function account_of(certificate)
	certificate:setencode("utf8")
	local name
	for _, entry in ipairs(certificate:subject()) do
		if entry.oid == COMMON_NAME then
			if name then
				return nil, "a certificate with two common names"
			end
			name = entry.value
		end
	end
	local account = name and nodeprep(name)
	if not account or account == "" then
		return nil, "a certificate whose common name is no name of an account"
	end
	return account
end

-- One login with SASL EXTERNAL, in the shape of util.sasl's objects.
local external = {}
external.__index = external

local function new_external(session)
	return setmetatable({ session = session }, external)
end

function external:mechanisms()
	return { EXTERNAL = true }
end

function external:select(mechanism)
	self.selected = mechanism == "EXTERNAL" or nil
	return self.selected
end

function external:clean_clone()
	return new_external(self.session)
end

function external:process(authzid)
	if not authzid and not self.asked then
		self.asked = true
		return "challenge", ""
	end
	authzid = authzid or ""
	local session = self.session
	local certificate, account, why
	certificate, why = proven_certificate(session)
	if certificate then
		account, why = account_of(certificate)
	end
	if not account then
		session.log("info", "No login from %s: %s", session.ip, why)
		return "failure", "not-authorized"
	end
	-- A client may ask for the account that it gets anyway, and for no other.
	local own = account.."@"..module.host
	if authzid ~= "" and nodeprep(authzid) ~= account and jid.prep(authzid) ~= own then
		session.log("warn", "%s at %s asked to be %q", own, session.ip, authzid)
		return "failure", "invalid-authzid"
	end
	session.openadr_certificate = certificate
	self.username = account
	return "success"
end

-- Rule 516: a certificate may also end while its owner is here.
module:add_timer(review, function ()
	local now = os.time()
	for _, user in pairs(prosody.hosts[module.host].sessions) do
		for _, session in pairs(user.sessions) do
			local certificate = session.openadr_certificate
			if certificate and not certificate:validat(now) then
				session.log("info", "The certificate of %s has expired", session.full_jid)
				session:close { condition = "not-authorized", text = "The certificate has expired" }
			end
		end
	end
	return review
end)

-- Accounts with passwords are mod_auth_internal_hashed's business.
local function hashed()
	for _, provider in ipairs(module:get_host_items("auth-provider")) do
		if provider.name == "internal_hashed" then
			return provider
		end
	end
end

if passwords then
	module:depends("auth_internal_hashed")
end

local provider = {}

function provider.get_sasl_handler(session)
	-- Who has a certificate is who it says, whatever passwords it may know.
	if passwords and not proven_certificate(session) then
		return hashed().get_sasl_handler(session)
	end
	return new_external(session)
end

-- Every common name that the CA gives away is an account, so nobody can say that one does not exist.
function provider.user_exists()
	return true
end

function provider.users()
	if passwords then
		return hashed().users()
	end
	return next, {}, nil
end

for _, name in ipairs { "create_user", "delete_user", "get_password", "set_password", "test_password" } do
	provider[name] = function (...)
		if not passwords then
			return nil, "Accounts are certificates here"
		end
		return hashed()[name](...)
	end
end

module:provides("auth", provider)
