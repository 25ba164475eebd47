"""Object storage: local disk or S3, by one protocol. Nothing but the wire; `trinity.sources` is its only owner."""
