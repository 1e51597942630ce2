"""One module per noun of the HTTP API; each exports `handlers`. A handler reads, calls one use case, answers."""
