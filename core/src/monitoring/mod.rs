//! Monitoring: what a device can say about its own health.
