"""How a model learns: Trainer, updater, triggers, reporter, snapshots and extensions."""
