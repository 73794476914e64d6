"""Client libraries live here, behind the ports."""
