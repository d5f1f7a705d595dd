"""The samples of the last two hours, and their exposition. In memory; filled by polling."""
