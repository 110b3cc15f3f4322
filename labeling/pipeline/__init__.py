"""The story of a document, a stage a file. Stages do not import each other: they meet in the rows.

intake   a file                -> Upload (received, checked, importing, ready), Documents (queued), refused rows
build    Documents (queued)    -> Batch (building) + one Request per document, cut by count, bytes and queue limit
submit   Batch (building)      -> Batch (submitting), committed | create call | Batch (in_progress)
poll     Batch (in_progress)   -> mirror of the Message Batch; Batch (ended) when the API says so
ingest   Batch (ended)         -> Results by custom_id; Documents (labeled | queued again | failed); Batch (ingested)
urgent   Document (queued)     -> Request -> one Messages call -> Result; same rows, full price
recover  what stood still      -> back into one of the lines above, never by sending again blindly

conductor plays the stages in this order: once for a tick, again and again until idle for a command.
"""
