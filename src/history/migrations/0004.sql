-- The share of the training rows that the network knows by heart after an epoch, with a 95 % interval; null if that is unknown.
ALTER TABLE epochs ADD COLUMN memorized_share REAL;
ALTER TABLE epochs ADD COLUMN memorized_share_low REAL;
ALTER TABLE epochs ADD COLUMN memorized_share_high REAL;
