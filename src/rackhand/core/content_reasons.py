"""What the server writes down about channels, videos and their source when something went wrong. English templates.

`reasons.recognise` knows them again, so that a page can say them in Korean.
"""

KEY_REFUSED = "the source refused the API key ({text}); it is tried again every hour, or at once with another key"
QUOTA_SPENT = "the source says that the key's quota is used up; it goes on at midnight Pacific time"
TOO_FAST = "the source asks for a pause; it goes on by itself"
FAILING = "the source does not answer as it should ({text}); it goes on by itself"
NO_UPLOADS = "the channel has no public uploads"
UNREADABLE = "the source's answer about it could not be read; it is asked again later"
VIDEO_UNREADABLE = "the source's answer about the video could not be read"
VIDEO_GONE = "the video is private or was deleted"

TEMPLATES = (KEY_REFUSED, QUOTA_SPENT, TOO_FAST, FAILING, NO_UPLOADS, UNREADABLE, VIDEO_UNREADABLE, VIDEO_GONE)
