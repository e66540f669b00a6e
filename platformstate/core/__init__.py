"""Values that every layer shares: kinds, documents, ids, instants. No disk, no clock, no chance."""
