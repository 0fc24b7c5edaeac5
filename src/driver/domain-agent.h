/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The QEMU guest agent, a program in the guest that stock distributions ship: asked in JSON, a line
 * for a line, over the channel org.qemu.guest_agent.0 of the running domain.
 */
#pragma once

#include "driver/domain-private.h"

/**
 * cop_domain_agent_ask:
 * @command: a JSON object, one line
 * @timeout: seconds; -2 waits for ever (as the domain's own limit is), -1 five, 0 not at all
 *
 * Waits for the guest. One question to a domain at a time.
 *
 * Errors: %COP_DRIVER_ERROR_ARGUMENT_UNSUPPORTED without such a channel, _AGENT_UNRESPONSIVE when the
 * guest does not answer in time.
 *
 * Returns: (transfer full): the answer, a JSON object
 */
char *cop_domain_agent_ask (CopDomain *domain, const char *command, int timeout, GError **error);

/* The same for a command that returns a number, or nothing (then 0); an error of the agent's is one. */
bool cop_domain_agent_run (CopDomain *domain, const char *command, gint64 *number, GError **error);
