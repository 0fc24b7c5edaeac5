/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A machine's state as bytes, for another process.
 *
 *   "COPS" version  | section ... section          numbers are little-endian
 *   section:  id  table  version  n_rows | row ...
 *   row:      name  kind  count | values           of structs: count times n_rows | row ...
 *
 * Names are a byte of length and the bytes. Everything travels by name, as in the XML: the two
 * sides may be of different versions.
 */
#pragma once

#include "engine/state.h"

/* More is refused: as much as in XML. */
#define COP_STATE_PACK_MAX (16u << 20)

/* Returns: (transfer full) */
GBytes *cop_machine_state_pack (const CopMachineState *state);

/**
 * cop_machine_state_unpack:
 * @expected: (nullable): the sections that must be there, whose values stand in for members newer
 * than
 *   @bytes; NULL: any sections of the devices that this program knows
 *
 * Errors: %COP_STATE_ERROR for what is damaged or does not fit @expected; it names section and
 * member.
 *
 * Returns: (transfer full): all values checked; NULL on failure
 */
CopMachineState *cop_machine_state_unpack (const CopMachineState *expected, GBytes *bytes,
                                           GError **error);
