/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The terminal that vmtool was started on, and the signals that could leave it raw.
 *
 * There is one terminal and one set of signal dispositions in a process, so this module is one
 * object. Whatever ends the process, but for SIGKILL, gives the terminal back first:
 *
 *   exit()                          atexit
 *   SIGTERM SIGINT SIGHUP           first: vmt_terminal_signal_fd() becomes readable, the program
 *                                   ends in good order; second: at once
 *   SIGSEGV SIGABRT SIGQUIT ...     in the handler, then the signal's own action
 *   SIGTSTP                         given back while stopped, raw again after SIGCONT
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/**
 * vmt_terminal_open:
 * @fd: the terminal; -1 when there is none, to handle the signals alone
 *
 * Remembers how @fd is set and installs the handlers. Signals that were ignored at the start
 * (nohup, background) stay ignored. Once per process.
 */
void vmt_terminal_open (int fd);

/* vmt_terminal_open() on standard input, unless it was called before: for commands of which the
   shell runs one after the other. */
void vmt_terminal_listen (void);

typedef enum
{
  VMT_TERMINAL_FOUND,           /* as it was found */
  VMT_TERMINAL_RAW,             /* every key to the reader */
  VMT_TERMINAL_LENT,            /* for a line editor: as it was found, but each key comes at once,
                                   unechoed, and none is a signal */
} VmtTerminalMode;

/**
 * vmt_terminal_set_mode:
 * In the background the terminal is left alone until the program comes to the foreground.
 */
void vmt_terminal_set_mode (VmtTerminalMode mode);

/* Readable, for poll() only, once a signal asked the program to end. */
int vmt_terminal_signal_fd (void);

/* The signal that asked the program to end; 0: none did. */
int vmt_terminal_signal (void);

/* Forgets it: what the signal asked for is done. */
void vmt_terminal_forget_signal (void);

/* Gives the terminal back and ends the process by @number, so that whoever waits for it sees the
   signal. */
_Noreturn void vmt_terminal_die (int number);
