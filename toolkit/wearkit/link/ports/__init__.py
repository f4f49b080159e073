"""Where bytes come from: serial ports, pseudo-terminals, ports that come back."""
