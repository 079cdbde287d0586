-- The first schema of the history. A released migration is never changed; each later change is a new file.
--
-- Times are seconds since 1970 and only for display; rows are ordered by their ids. In JSON, NaN and infinity are null.

-- One attempt of a run. This table has everything that a list of runs shows, so that a list reads no other table.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    attempt TEXT NOT NULL,
    framework TEXT NOT NULL,
    mode TEXT NOT NULL,
    -- A JSON array of names in forward order; other tables name a layer by its place in it.
    layers TEXT NOT NULL,
    declared_at REAL NOT NULL,
    -- training, finished, failed, stopped, or interrupted: its daemon ended before it
    status TEXT NOT NULL,
    finished_at REAL,
    stop_reason TEXT,
    updated_at REAL,
    newest_epoch INTEGER,
    epochs INTEGER NOT NULL DEFAULT 0,
    -- The verdict as the API tells it, a JSON object.
    standing TEXT,
    is_baseline INTEGER NOT NULL DEFAULT 0,
    UNIQUE (name, attempt)
) STRICT;

CREATE TABLE epochs (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    epoch INTEGER NOT NULL,
    end_inferred INTEGER NOT NULL,
    -- The trainer's own numbers by name, a JSON object.
    metrics TEXT NOT NULL,
    rows INTEGER NOT NULL,
    coverage REAL,
    prediction_entropy_nats REAL,
    verdict TEXT NOT NULL,
    -- Hints from the trainer's own numbers.
    label_wave_epoch INTEGER,
    loss_gap_nats REAL,
    loss_gap_lowest_nats REAL,
    loss_gap_lowest_epoch INTEGER,
    compute_seconds REAL NOT NULL,
    made_at REAL NOT NULL,
    UNIQUE (run_id, epoch)
) STRICT;

-- Mean and quantiles over a layer's neurons or pairs; all null for a layer that could not be measured.
CREATE TABLE layer_statistics (
    epoch_id INTEGER NOT NULL REFERENCES epochs (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    neurons INTEGER NOT NULL,
    neurons_offered INTEGER NOT NULL,
    constant_neurons INTEGER NOT NULL,
    reliable INTEGER NOT NULL,
    shuffle_bias_nats REAL,
    -- How the pairs' mutual information lies: counts in equal intervals; see src/history/blob.rs.
    density_from_nats REAL, density_to_nats REAL, density_counts BLOB,
    entropy_network_nats_mean REAL, entropy_network_nats_p05 REAL, entropy_network_nats_p50 REAL, entropy_network_nats_p90 REAL, entropy_network_nats_p95 REAL,
    entropy_network_ratio_mean REAL, entropy_network_ratio_p05 REAL, entropy_network_ratio_p50 REAL, entropy_network_ratio_p90 REAL, entropy_network_ratio_p95 REAL,
    entropy_neuron_nats_mean REAL, entropy_neuron_nats_p05 REAL, entropy_neuron_nats_p50 REAL, entropy_neuron_nats_p90 REAL, entropy_neuron_nats_p95 REAL,
    entropy_neuron_ratio_mean REAL, entropy_neuron_ratio_p05 REAL, entropy_neuron_ratio_p50 REAL, entropy_neuron_ratio_p90 REAL, entropy_neuron_ratio_p95 REAL,
    mutual_information_nats_mean REAL, mutual_information_nats_p05 REAL, mutual_information_nats_p50 REAL, mutual_information_nats_p90 REAL, mutual_information_nats_p95 REAL,
    mutual_information_ratio_mean REAL, mutual_information_ratio_p05 REAL, mutual_information_ratio_p50 REAL, mutual_information_ratio_p90 REAL, mutual_information_ratio_p95 REAL,
    class_information_nats_mean REAL, class_information_nats_p05 REAL, class_information_nats_p50 REAL, class_information_nats_p90 REAL, class_information_nats_p95 REAL,
    entropy_network_nats_p25 REAL, entropy_network_nats_p75 REAL,
    PRIMARY KEY (epoch_id, place)
) STRICT, WITHOUT ROWID;

-- One value for each neuron, in single precision, little-endian.
CREATE TABLE neurons (
    epoch_id INTEGER NOT NULL REFERENCES epochs (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    entropy_network_nats BLOB NOT NULL,
    entropy_neuron_nats BLOB NOT NULL,
    class_information_nats BLOB,
    PRIMARY KEY (epoch_id, place)
) STRICT;

-- Mutual information of all pairs in condensed order: 16 bits each, as fractions of the largest; see src/history/blob.rs.
CREATE TABLE pair_matrices (
    epoch_id INTEGER NOT NULL REFERENCES epochs (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    neurons INTEGER NOT NULL,
    largest_nats REAL NOT NULL,
    pairs BLOB NOT NULL,
    PRIMARY KEY (epoch_id, place)
) STRICT;

-- Alarms; each is active from alarm_epoch until ended_epoch.
CREATE TABLE findings (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    onset_epoch INTEGER NOT NULL,
    alarm_epoch INTEGER NOT NULL,
    ended_epoch INTEGER,
    score REAL,
    -- The alarm as the API tells it, a JSON object.
    alarm TEXT NOT NULL,
    UNIQUE (run_id, kind, alarm_epoch)
) STRICT;

CREATE TABLE hook_outcomes (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    hook TEXT NOT NULL,
    kind TEXT NOT NULL,
    onset_epoch INTEGER NOT NULL,
    alarm_epoch INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    result TEXT NOT NULL,
    detail TEXT NOT NULL,
    at REAL NOT NULL
) STRICT;

CREATE INDEX hook_outcomes_of_run ON hook_outcomes (run_id);

-- Onsets that hooks were notified of, so that no onset is sent twice, even after a crash. Written before the first hook is notified,
-- even for a run that is not in `runs` yet.
CREATE TABLE told_onsets (
    name TEXT NOT NULL,
    attempt TEXT NOT NULL,
    kind TEXT NOT NULL,
    onset_epoch INTEGER NOT NULL,
    told_at REAL NOT NULL,
    PRIMARY KEY (name, attempt, kind, onset_epoch)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER told_onsets_leave_with_their_run AFTER DELETE ON runs BEGIN
    DELETE FROM told_onsets WHERE name = old.name AND attempt = old.attempt;
END;
