-- Agreement of the predicted classes with those of the nearest rows in the last layer (Cohen's kappa), so that detectors go on after a
-- restart as if nothing had happened.
ALTER TABLE epochs ADD COLUMN neighbour_agreement REAL;
-- The share of the training rows that the network knows by heart after an epoch, with a 95 % interval; null if that is unknown.
ALTER TABLE epochs ADD COLUMN memorized_share REAL;
ALTER TABLE epochs ADD COLUMN memorized_share_low REAL;
ALTER TABLE epochs ADD COLUMN memorized_share_high REAL;
