-- Agreement of the predicted classes with those of the nearest rows in the last layer (Cohen's kappa), so that detectors go on after a
-- restart as if nothing had happened.
ALTER TABLE epochs ADD COLUMN neighbour_agreement REAL;
