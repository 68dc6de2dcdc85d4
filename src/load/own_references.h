// References of a dataset to itself: what they refer to may be a record of the same batch.
#pragma once

#include "core/definition/definition.h"
#include "load/batch.h"

namespace etl
{

/// Whether records of the dataset refer to others of it.
bool refers_to_itself(const Definition &definition);

/// Takes back what Batch::promised has of keys that no accepted record has: these references are
/// missing, and their records are not accepted, nor are those that refer to these, and so on.
/// Chains and circles of records that all can be accepted stay, in whatever order they came.
void take_back_promises(Batch &batch);

/// After the load: records that a foreign key has refused because the record that they refer to is
/// refused wait for it, as if there were no foreign key.
void await_refused(const Definition &definition, Batch &batch);

/// After the load: which of the promises were not kept, because the table has refused a record, or
/// a trigger has kept it out. Indexes into Batch::promised.
std::vector<size_t> broken_promises(const Definition &definition, const Batch &batch);

} // namespace etl
