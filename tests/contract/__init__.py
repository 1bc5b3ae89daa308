"""The API against its contract, `docs/native-api.json`: declarations, a live node, foreign clients, fuzzing."""
