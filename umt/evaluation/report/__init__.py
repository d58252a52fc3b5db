"""What a person reads: tables on the terminal, and HTML pages that are one file each and open from disk."""
