"""HTTP: routes, their contract, authentication, rendering. No SQL and no rule of the product here."""
