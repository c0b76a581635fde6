-- Prosody 0.12 as the XMPP server between an OpenADR 2.0b VTN and its VENs.
--
-- A complete configuration: it takes the place of /etc/prosody/prosody.cfg.lua. Change what is marked
-- CHANGE; README.md, beside this file, explains the rest.

-- CHANGE: where mod_openadr.lua and mod_auth_openadr.lua are.
plugin_paths = { "/usr/local/lib/prosody/modules" }

pidfile = "/run/prosody/prosody.pid"
log = { info = "*syslog" }

-- Without this every exchange waits for the other side's delayed acknowledgement: 46 to 94 ms.
network_settings = { nagle = false }

-- By itself Prosody looks through all of its memory whenever that has grown by a twentieth, which with many
-- sessions takes most of its time. So much it may grow to three times the size first.
gc = { threshold = 300 }

c2s_ports = { 5222 }
c2s_direct_tls_ports = {}
c2s_require_encryption = true

-- Bytes of one stanza, and elements in it. A report is one stanza; Prosody's own limits (256 KiB, 25,000
-- elements) cut large ones off, and with them the whole session. VTN and VEN answer what is longer than 4 MiB,
-- so more than that has to get through.
c2s_stanza_size_limit = 5 * 1024 * 1024
c2s_max_child_elements = 200000

-- What OpenADR needs and nothing else. There is no registration in-band (accounts are certificates), no
-- storing of messages (VTN and VEN repeat what was lost, and a late one would be stale), no stream
-- management (a VEN that is gone shall be seen to be gone), no roster, and no way to other servers.
modules_enabled = { "disco"; "openadr"; "ping"; "saslauth"; "tls" }
modules_disabled = { "offline"; "s2s"; "s2s_auth_certs" }

-- CHANGE: the domain of the accounts, ACCOUNT@DOMAIN.
VirtualHost "xmpp.example.com"

    -- CHANGE: the VTN's JID, with the resource that it logs in with: what VENs discover. One JID for all
    -- services, or one each: { EiEvent = "…"; EiReport = "…"; EiOpt = "…"; EiRegisterParty = "…" }.
    openadr_vtn = "vtn@xmpp.example.com/openadr"

    -- SASL EXTERNAL: an account is the common name of a certificate, and there is no other.
    authentication = "openadr"

    ssl = {
        -- CHANGE: the server's certificate, for the domain above, and its key.
        certificate = "/etc/prosody/certs/xmpp.example.com.crt";
        key = "/etc/prosody/certs/xmpp.example.com.key";

        -- CHANGE: the CA of the VTN's and the VENs' certificates. Nobody else's count: without the line
        -- with capath, certificates of every public CA would.
        cafile = "/etc/prosody/certs/openadr-ca.pem";
        capath = false;

        -- Nobody gets past the handshake without a certificate that is valid now and meant for clients.
        verify = { "peer"; "fail_if_no_peer_cert" };
        verifyext = { lsec_continue = false; lsec_ignore_purpose = false };

        -- OpenADR's own two suites of TLS 1.2 (rule 67) come after better ones.
        ciphers = {
            "ECDHE-ECDSA-AES128-GCM-SHA256"; "ECDHE-RSA-AES128-GCM-SHA256";
            "ECDHE-ECDSA-AES256-GCM-SHA384"; "ECDHE-RSA-AES256-GCM-SHA384";
            "ECDHE-ECDSA-CHACHA20-POLY1305"; "ECDHE-RSA-CHACHA20-POLY1305";
            "ECDHE-ECDSA-AES128-SHA256"; "AES128-SHA256";
        };
    }

    -- Passwords (SCRAM) beside certificates: who shows no certificate may log in to an account that was made
    -- with "prosodyctl adduser". A JID then proves a password, not a certificate. It takes this line, and
    -- verify = { "peer" } above.
    -- openadr_passwords = true
