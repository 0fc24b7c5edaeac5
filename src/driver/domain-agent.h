/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The QEMU guest agent, a program in the guest that stock distributions ship: asked in JSON, a line
 * for a line, over the channel org.qemu.guest_agent.0 of the running domain.
 *
 * Every function waits for the guest, as long as the domain's limit says. One question to a domain
 * at a time.
 *
 * Errors: %COP_DRIVER_ERROR_ARGUMENT_UNSUPPORTED without such a channel, _AGENT_UNRESPONSIVE when
 * no program has it open or none answers in time, _INTERNAL with what an agent says that cannot.
 */
#pragma once

#include "common/json.h"
#include "driver/domain-private.h"

/* Limits of time besides seconds; libvirt's VIR_DOMAIN_QEMU_AGENT_COMMAND_*. */
enum
{
  COP_AGENT_WAIT_FOREVER = -2,
  COP_AGENT_WAIT_DEFAULT = -1, /* five seconds */
};

/**
 * cop_domain_agent_ask:
 * @command: a JSON object, one line
 * @timeout: seconds, or one of the above
 *
 * Returns: (transfer full): the answer, a JSON object with a "return"
 */
char *cop_domain_agent_ask (CopDomain *domain, const char *command, int timeout, GError **error);

/**
 * cop_domain_agent_call:
 * @name: of the command
 * @arguments: (nullable): a JSON object, one line
 * @missing: (out) (optional): set when the agent does not know the command, or may not do it; that
 * is no error then, and there is no answer
 *
 * Returns: (transfer full) (nullable): the answer; its member "return" says it
 */
CopJson *cop_domain_agent_call (CopDomain *domain, const char *name, const char *arguments,
                                bool *missing, GError **error);

/* The same for a command that returns a number, or nothing worth reading (@number NULL). */
bool cop_domain_agent_run (CopDomain *domain, const char *name, const char *arguments,
                           int64_t *number, GError **error);

/* Sets %COP_DRIVER_ERROR_INTERNAL: what the agent answered to @name makes no sense. Returns: false
 */
bool cop_domain_agent_malformed (const char *name, GError **error);
