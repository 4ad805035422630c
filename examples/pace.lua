-- A user looks at a page before asking for the next one: ten milliseconds, so that a few of them leave the machine to
-- the service.
function delay()
  return 10
end
