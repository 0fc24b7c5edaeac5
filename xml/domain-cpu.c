/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * <cpu> to the extensions of a hart.
 */
#include "engine/riscv/isa.h"
#include "xml/domain-config.h"

#include <glib/gi18n.h>
#include <string.h>

/* clang-format off */
#define RVA20 "rv64gc_zicsr_zifencei_zicntr"
#define RVA22 RVA20 "_zihpm_zihintpause_zba_zbb_zbs_zicbom_zicbop_zicboz_zfhmin_svinval_svpbmt"
#define SV39  ",sv48=off,sv57=off"

const CopCpuModel cop_cpu_models[] = {
  { "coppice",  "",         N_("all that is on by default; docs/cpu.md lists it") },
  { "rv64gc",   "rv64gc",   N_("IMAFDC with S and U modes, Sv39 to Sv57") },
  { "rva20s64", RVA20 SV39, N_("what the profile RVA20S64 demands") },
  { "rva22s64", RVA22 SV39, N_("what the profile RVA22S64 demands") },
  { "max",      NULL,       N_ ("all that Coppice has, as mode maximum") },
  { NULL },
};
/* clang-format on */

static const CopCpuModel *
find_model (const char *name)
{
  for (const CopCpuModel *model = cop_cpu_models; model->name != NULL; model++)
    if (strcmp (model->name, name) == 0)
      return model;
  return NULL;
}

static bool
fail_model (const char *name, GError **error)
{
  g_autoptr (GString) known = g_string_new (NULL);

  for (const CopCpuModel *model = cop_cpu_models; model->name != NULL; model++)
    g_string_append_printf (known, "%s%s", known->len > 0 ? ", " : "", model->name);
  g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_UNSUPPORTED,
               _ ("cpu/model: there is no '%s'; use one of: %s"), name, known->str);
  return false;
}

static bool
is_off (CopCpuPolicy policy)
{
  return policy == COP_CPU_POLICY_DISABLE || policy == COP_CPU_POLICY_FORBID;
}

bool
cop_domain_cpu_isa (const CopDomainCpu *cpu, CopIsa *isa, GError **error)
{
  const CopCpuModel *model = find_model (cpu->model != NULL ? cpu->model : cop_cpu_models[0].name);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) wrong = NULL;

  if (model == NULL)
    return fail_model (cpu->model, error);

  if (model->isa != NULL)
    g_string_append (text, model->isa);
  if (cpu->mode == COP_CPU_MODE_MAXIMUM || model->isa == NULL)
    for (unsigned i = 0; i < COP_ISA_LAST; i++)
      g_string_append_printf (text, "%s%s=on", text->len > 0 ? "," : "", cop_isa_table[i].name);
  for (guint i = 0; i < cpu->features->len; i++)
    {
      const CopCpuFeature *feature = cpu->features->pdata[i];

      g_string_append_printf (text, "%s%s=%s", text->len > 0 ? "," : "", feature->name,
                              is_off (feature->policy) ? "off" : "on");
    }
  if (text->len == 0)
    {
      *isa = cop_isa_default ();
      return true;
    }
  if (!cop_isa_parse (text->str, isa, &wrong))
    {
      g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_UNSUPPORTED, "%s", wrong->message);
      return false;
    }
  return true;
}
