"""What `doctor` examines and repairs; without repair nothing here writes."""

from platformstate.store.health.check import Check as Check
from platformstate.store.health.check import check as check
