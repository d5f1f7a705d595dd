"""What must outlive the process: incidents, clocks, events, alerts, outbox. One file and writer."""

from monitor.store.errors import StoreError
from monitor.store.store import Saved, Store
from monitor.store.waiting import Ask, Queue

__all__ = ["Ask", "Queue", "Saved", "Store", "StoreError"]
