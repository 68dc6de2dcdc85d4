// References of a dataset to itself, which may refer to a record of the same batch.
#pragma once

#include "core/definition/definition.h"
#include "load/batch.h"

namespace etl
{

/// Whether records of the dataset refer to other records of it.
bool refers_to_itself(const Definition &definition);

/// Removes promises whose key no accepted record has: these references are missing, their records
/// are not accepted, and neither are records that refer to these, and so on. Chains and circles of
/// records that can all be accepted remain, in whatever order they came.
void take_back_promises(Batch &batch);

/// Call after the load: a record that a foreign key has refused because the record it refers to was
/// refused waits for that record, as if there were no foreign key.
void await_refused(const Definition &definition, Batch &batch);

/// Call after the load: the promises that were not kept, because the table has refused a record or
/// a trigger has kept it out, as indices into Batch::promised.
std::vector<size_t> broken_promises(const Definition &definition, const Batch &batch);

} // namespace etl
