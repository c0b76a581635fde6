//! The dialogues of a certification, played in virtual time: our VEN in the device's place, our VTN in
//! the harness's, over each transport. They are written in `conformance/dialogues`. And an hour of outages.

#[cfg(test)]
mod certrun;
#[cfg(test)]
mod device;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod made;
#[cfg(test)]
mod offers;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod play;
#[cfg(test)]
mod said;
#[cfg(test)]
mod script;
#[cfg(test)]
mod transport;
