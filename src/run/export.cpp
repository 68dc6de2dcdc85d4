#include "run/export.h"

#include <algorithm>

#include <unistd.h>

#include "pg/copy.h"
#include "run/actions.h"

namespace etl
{

namespace
{

/// What etl.exported_records() returns next; set while a COPY reads it.
struct ExportSource
{
	const std::string_view *next, *end;
};
ExportSource *current_source = nullptr;

} // namespace

void
export_lines(const std::vector<std::string_view> &lines, int fd)
{
	if (lines.empty())
		return;
	ExportSource source{lines.data(), lines.data() + lines.size()};
	ExportSource *const outer = current_source;
	struct Restore
	{
		ExportSource *outer;
		~Restore() { current_source = outer; }
	} restore{outer};
	current_source = &source;
	// binary: text and csv would look at every byte for something to quote. The set-returning
	// function stands in the select list, where rows are handed on one by one; in FROM they would
	// be collected first, on disk when there are many.
	pg::copy_out("SELECT etl.exported_records()", fd, {{"format", "binary"}});
}

void
wait_for_exports(ExportWriter &writer)
{
	while (!writer.finished())
		pg::check_for_interrupts();
	try
	{
		writer.check();
	}
	catch (const FileError &e)
	{
		throw pg::Error(e.sqlstate(), std::string("could not write a processed file: ") + e.what(),
						"Nothing of this run was loaded.",
						"See that etl.processed_dir has room and can be written, then run again.");
	}
}

std::string
free_name(const std::string &root, const std::string &relative,
		  const std::vector<std::string> &taken)
{
	const size_t slash = relative.rfind('/');
	const size_t name = slash == std::string::npos ? 0 : slash + 1;
	const size_t dot = std::min(relative.find('.', name), relative.size());
	for (int n = 1;; ++n)
	{
		std::string candidate = relative;
		if (n > 1)
			candidate.insert(dot, "." + std::to_string(n));
		const std::string path = root + "/" + candidate;
		if (!file_exists(path) && !destination_taken(path) &&
			std::find(taken.begin(), taken.end(), candidate) == taken.end())
			return candidate;
	}
}

ScopedFd::~ScopedFd()
{
	if (fd_ >= 0)
		close(fd_);
}

} // namespace etl

/// Value per call: the next record that is being exported.
extern "C"
{
	PGDLLEXPORT Datum etl_exported_records(FunctionCallInfo fcinfo);
	PG_FUNCTION_INFO_V1(etl_exported_records);
}
Datum
etl_exported_records(PG_FUNCTION_ARGS)
{
	// no C++ object lives in this frame, so it needs no guard; it runs once a record
	if (SRF_IS_FIRSTCALL())
	{
		if (etl::current_source == nullptr)
			ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
							errmsg("etl.exported_records() is internal to etl_run")));
		FuncCallContext *context = SRF_FIRSTCALL_INIT();
		context->user_fctx = etl::current_source;
	}
	FuncCallContext *context = SRF_PERCALL_SETUP();
	etl::ExportSource *source = static_cast<etl::ExportSource *>(context->user_fctx);
	if (source->next == source->end)
		SRF_RETURN_DONE(context);
	const std::string_view line = *source->next++;
	bytea *value = static_cast<bytea *>(palloc(VARHDRSZ + line.size()));
	SET_VARSIZE(value, VARHDRSZ + line.size());
	memcpy(VARDATA(value), line.data(), line.size());
	SRF_RETURN_NEXT(context, PointerGetDatum(value));
}
