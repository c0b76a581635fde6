-- VENs are proved by certificates, which are in their partitions and claims. A version that does not know
-- them must not open the database: it would take such a VEN for one that anybody may be. Versions before
-- wrote a certificate as a list of numbers, although no transport of theirs proved one.
DELETE FROM claims WHERE claim LIKE '{"Certificate":[%';
