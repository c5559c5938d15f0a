"""What the pages show, as plain data: functions of a run's log, with no browser and no widget in sight."""
