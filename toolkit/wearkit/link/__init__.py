"""The sensor's side of the wire: ports, text lines, units, rates. No models here."""
