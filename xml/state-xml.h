/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The state of a machine as an XML document: what a snapshot carries beside memory and disks.
 *
 *   <machinestate version='1'>
 *     <section id='hart0' type='hart' version='1'>
 *       <x>0x0 0x80001000 ...</x>              an array: values apart by white space
 *       <pc>0x80000000</pc>
 *       <waiting>false</waiting>
 *     </section>
 *     <section id='disk0' type='virtio-mmio' version='1'>
 *       <queues version='1'>                   structs: each an item with members of its own
 *         <item index='0'> ... </item>
 *       </queues>
 *     </section>
 *   </machinestate>
 *
 * Sections and members are the rows of the state tables (engine/state.h); nothing is named here
 * twice. Members may come in any order.
 */
#pragma once

#include "engine/state.h"
#include "xml/error.h"

/* The largest document that is read, in bytes: some twenty times that of 64 harts. */
#define COP_XML_STATE_MAX (16u << 20)

/**
 * cop_xml_state_format:
 * Returns: (transfer full): @state as a document, ending in a line feed
 */
char *cop_xml_state_format (const CopMachineState *state);

/**
 * cop_xml_state_parse:
 * @expected: a state with the sections that the document must have, such as
 *   cop_machine_state_template() gives; its values stand in for members newer than the document
 * @text: the document, @length bytes
 * @label: names the document in messages: the file's name
 *
 * The document may have neither DTD nor entities; nothing is fetched; depth and size are bounded.
 *
 * Errors: %COP_XML_ERROR for what is no such document, %COP_STATE_ERROR for what does not fit
 * @expected: each begins with label and line and names section and member.
 *
 * Returns: (transfer full): a new state with the sections of @expected, in its order, all values
 *   checked; NULL on failure
 */
CopMachineState *cop_xml_state_parse (const CopMachineState *expected, const char *text,
                                      gsize length, const char *label, GError **error);
