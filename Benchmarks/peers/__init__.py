"""The peers that Cellgate is timed beside, each in a process of its own, and what is compared with them."""
