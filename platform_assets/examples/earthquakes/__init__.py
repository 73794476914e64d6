"""The earthquakes feed: 1,707 real events of one week, published by the USGS (public domain)."""
