//! The proof that real peers, the schema and the disk agree with this implementation.

#[cfg(test)]
mod backup;
#[cfg(test)]
mod behind_nginx;
#[cfg(test)]
mod busy_reports;
#[cfg(test)]
mod busy_ven;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod counter;
#[cfg(test)]
mod crash_of_the_ven;
#[cfg(test)]
mod crash_of_the_vtn;
#[cfg(test)]
mod dist;
#[cfg(test)]
mod five_commands;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod given_answers;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod least_features;
#[cfg(test)]
mod lost_reply;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod mutated;
#[cfg(test)]
mod openleadr_enrolled;
#[cfg(test)]
mod openleadr_secure;
#[cfg(test)]
mod openleadr_ven;
#[cfg(test)]
mod openleadr_ven_reports;
#[cfg(test)]
mod openleadr_vtn;
#[cfg(test)]
mod openleadr_vtn_reports;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod readings;
#[cfg(test)]
mod report_kinds;
#[cfg(test)]
mod reporting_harness;
#[cfg(test)]
mod secure;
#[cfg(test)]
mod signature_peers;
#[cfg(test)]
mod stop;
#[cfg(test)]
mod synced_before_answered;
#[cfg(test)]
mod tls_ends;
#[cfg(test)]
mod transports;
#[cfg(test)]
mod units;
#[cfg(test)]
mod wire;
#[cfg(test)]
mod working_operator;
#[cfg(test)]
mod xmpp_peers;
#[cfg(test)]
mod xmpp_place;
#[cfg(test)]
mod xmpp_refusals;
#[cfg(test)]
mod xmpp_server;
#[cfg(test)]
mod xmpp_signatures;
#[cfg(test)]
mod xmpp_vtn;
