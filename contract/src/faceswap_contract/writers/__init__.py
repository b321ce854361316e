"""Writers of the files that are generated from the contract. Pure: tables in, text out."""
