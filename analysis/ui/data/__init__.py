"""What the pages show, as plain data: functions of a run's log, without a browser or a widget."""
