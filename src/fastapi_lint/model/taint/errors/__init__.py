"""What expressions say of caught exceptions, followed back to the except clause."""
