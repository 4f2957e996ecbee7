# What `ruby FILE ARGUMENTS` does, for a build of CRuby whose own main function is not in the module.
begin
  $0 = ARGV.shift or abort "usage: ruby FILE [ARGUMENT]..."
  load $0
  status = 0
rescue SystemExit => exit
  status = exit.status
rescue Exception => error
  $stderr.write(error.full_message(highlight: false))
  status = 1
end
$stdout.flush
$stderr.flush
Process.exit!(status)
