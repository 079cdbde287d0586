-- What a run's rows are recognised by; null where nobody said. Runs that say the same can be compared.
ALTER TABLE runs ADD COLUMN probe TEXT;
