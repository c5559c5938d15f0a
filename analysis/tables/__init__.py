"""Tables of results, as rows: pure functions of logs."""
