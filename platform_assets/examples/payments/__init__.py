"""The payments feed: generated card authorisations, chargebacks and refunds with planted faults."""
