"""What the flow needs from outside. Each port has one behaviour suite that every adapter passes."""
