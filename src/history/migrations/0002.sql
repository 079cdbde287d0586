-- Identifies a run's rows; null if the client did not send it. Runs with the same value can be compared.
ALTER TABLE runs ADD COLUMN probe TEXT;
