"""Every command that the simulated shell knows, merged from the tables.

Belongs here: the merge. Must not: commands. A name that is not here answers 127 and is journalled.
"""

from rackhand.sim.call import CommandTable
from rackhand.sim.commands_android import ANDROID
from rackhand.sim.commands_files import FILES
from rackhand.sim.commands_shell import SHELL
from rackhand.sim.commands_system import SYSTEM
from rackhand.sim.commands_text import TEXT
from rackhand.sim.dumpsys import DUMPSYS

COMMANDS: CommandTable = CommandTable({**SHELL, **TEXT, **FILES, **SYSTEM, **ANDROID, **DUMPSYS})
