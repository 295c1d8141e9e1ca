"""An S3 service that nobody here wrote: moto, with users, keys and signatures checked."""

import json
import logging
import os

# What sets the service up needs no key; everything after it does. Read when moto is imported.
SET_UP_CALLS = 4
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = str(SET_UP_CALLS)

import boto3  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

# One line per request is no news.
logging.getLogger("werkzeug").setLevel(logging.ERROR)

BUCKET = "audio"
REGION = "us-east-1"
USER = "switchboard"


class Bucket:
    """One bucket, and the one key that may use it."""

    def __init__(self):
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.server.start()
        host, port = self.server.get_host_and_port()
        self.url = f"http://{host}:{port}"
        iam = self._client("iam", "nobody", "nothing")
        iam.create_user(UserName=USER)
        key = iam.create_access_key(UserName=USER)["AccessKey"]
        self.key_id, self.secret = key["AccessKeyId"], key["SecretAccessKey"]
        everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
        iam.put_user_policy(UserName=USER, PolicyName="audio", PolicyDocument=policy)
        self._client("s3", "nobody", "nothing").create_bucket(Bucket=BUCKET)
        self.s3 = self._client("s3", self.key_id, self.secret)

    def settings(self) -> dict:
        """What tells the server of it."""
        return {
            "SWITCHBOARD_RECORDINGS__S3_BUCKET": BUCKET,
            "SWITCHBOARD_RECORDINGS__S3_ENDPOINT": self.url,
            "SWITCHBOARD_RECORDINGS__S3_REGION": REGION,
            "SWITCHBOARD_RECORDINGS__S3_ACCESS_KEY_ID": self.key_id,
            "SWITCHBOARD_RECORDINGS__S3_SECRET_ACCESS_KEY": self.secret,
        }

    def keys(self) -> list[str]:
        return [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]

    def read(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def refuses(self, key_id: str, secret: str) -> bool:
        try:
            self._client("s3", key_id, secret).list_objects_v2(Bucket=BUCKET)
        except ClientError:
            return True
        return False

    def stop(self) -> None:
        self.server.stop()

    def _client(self, service: str, key_id: str, secret: str):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
        )
