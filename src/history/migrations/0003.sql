-- What the network said of each row of the two fixed sets after an epoch: the means for lists, the numbers so that detectors go on after a
-- restart as if nothing had happened. Numbers are deflated; see src/history/rows.rs.
CREATE TABLE row_numbers (
    epoch_id INTEGER NOT NULL REFERENCES epochs (id) ON DELETE CASCADE,
    -- unseen or seen
    row_set TEXT NOT NULL,
    rows INTEGER NOT NULL,
    loss_mean REAL, error_ratio REAL, confidence_mean REAL, entropy_mean_nats REAL,
    losses BLOB, errors BLOB, predictions BLOB, confidence BLOB, entropy BLOB,
    PRIMARY KEY (epoch_id, row_set)
) STRICT;
