//! The ranking for programs: one JSON document.

use serde::Serialize;
use serde_json::{Value, json};

use rotewatch_core::compare::{Direction, Group, Placed, SetupRecord};
use rotewatch_core::record::document;
use rotewatch_info::statistics::Agreement;

/// `{against, by_verdicts, groups: [{layers, probe, networks: [..], tau}]}`: networks of different groups cannot be compared.
pub(super) fn json(direction: Direction, groups: &[Group]) -> String {
    let groups: Vec<Value> = groups.iter().map(group).collect();
    json!({ "against": direction.feared.as_str(), "by_verdicts": direction.by_verdicts, "groups": groups }).to_string()
}

fn group(group: &Group) -> Value {
    let tau = json!({
        "entropy": group.by_entropy.as_ref().map(agreement),
        "mutual_information": group.by_mutual_information.as_ref().map(agreement),
    });
    document(&RankedGroup { setup: SetupRecord::from(&group.seen), networks: group.placed.iter().map(network).collect(), tau })
}

/// Networks that were measured alike, and how well the two orders agree with their scores.
#[derive(Serialize)]
struct RankedGroup {
    #[serde(flatten)]
    setup: SetupRecord,
    networks: Vec<Value>,
    tau: Value,
}

fn network(placed: &Placed) -> Value {
    json!({
        "name": placed.candidate.name,
        "entropy_nats": placed.candidate.means.entropy_nats,
        "mutual_information_nats": placed.candidate.means.mutual_information_nats,
        "place_by_entropy": placed.by_entropy,
        "place_by_mutual_information": placed.by_mutual_information,
        "score": placed.score,
    })
}

fn agreement(of: &Agreement) -> Value {
    json!({ "tau_b": of.tau.value, "lower": of.tau.lower, "upper": of.tau.upper, "models": of.models, "chance": of.chance })
}
