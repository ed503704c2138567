"""Is a report what it says? `make check REPORT=...`, `make compare A=... B=...` and `make recheck SUBMISSIONS=...`."""
