"""One function a verb: load, decide, save. No parsing and no printing."""
