"""The colours of the charts, the same for the same things on all pages (the style sheets repeat them)."""

# Evidence for a class, as at the yellow end of the signed scale; and what it is compared with.
FOR = "#F2B134"
NEUTRAL = "#8A8A8A"
# Where a network keeps "where".
PLACE = "#A662D6"
