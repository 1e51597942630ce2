"""A real agent process for the kill -9 story: `python agent_process.py SERVER_URL ADB_PORT DATA_DIR`."""

import asyncio
import sys
from pathlib import Path

from rackhand.agent.fake import FAST
from rackhand.agent.main import serve_agent
from rackhand.agent.settings import AgentSettings

if __name__ == "__main__":
    url, adb_port, data_dir = sys.argv[1:]
    settings = AgentSettings(url, "PC-01", "secret", Path(data_dir), adb_port=int(adb_port), periods=FAST)
    sys.exit(asyncio.run(serve_agent(settings)))
